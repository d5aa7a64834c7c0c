"""Reading Segment's messages: fields, keys in any spelling, times, texts."""
