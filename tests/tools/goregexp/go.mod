module goregexp

go 1.22
