"""The commands of `sfxero match`: read both sides, write a review file, apply an edited one."""
