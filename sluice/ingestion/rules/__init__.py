"""Rules over a stream: what they find in a batch becomes operational events; the records themselves go on."""
