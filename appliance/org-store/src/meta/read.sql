SELECT store, generation, sample FROM store WHERE one = 1
