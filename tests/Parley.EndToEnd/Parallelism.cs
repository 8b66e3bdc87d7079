// Each class has a server, a database and a browser of its own; two at a time would fight for a small machine.
[assembly: CollectionBehavior(DisableTestParallelization = true)]
