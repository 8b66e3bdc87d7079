import { queryClient } from '@/server/queries';

/** A provider decides about models and routes too. */
export const providersChanged = () =>
  queryClient.invalidateQueries({
    predicate: ({ queryKey }) => ['providers', 'models', 'routes'].includes(String(queryKey[0])),
  });
