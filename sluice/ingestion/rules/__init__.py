"""Rules over a stream's batches: what they find is sent as operational events, and the records are staged as usual."""
