"""The Parquet area between extract and prepare: typed, counted, published by a manifest."""
