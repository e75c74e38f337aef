"""The methods: the contract, the catalog, and one file per method."""
