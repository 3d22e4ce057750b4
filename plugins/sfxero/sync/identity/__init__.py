"""Who is linked with whom over time: merges, archived contacts, deletions and leads."""
