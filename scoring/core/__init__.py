"""The shared graph-learning core: tensors in, tensors out. It knows no bank, no Kafka, no Neo4j."""
