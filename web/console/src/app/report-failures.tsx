import { notifications } from '@mantine/notifications';
import { queryClient } from '@/server/queries';
import { ErrorDetails } from '@/ui/error-notice';
import { errorText } from '@/ui/error-text';

/** A change that failed says so, wherever the user is by then; forms that show it themselves set `meta.inline`. */
queryClient.getMutationCache().config.onError = (error, _variables, _onMutate, mutation) => {
  if (mutation.meta?.inline) return;
  notifications.show({
    color: 'red',
    autoClose: 8_000,
    title: errorText(error),
    message: <ErrorDetails error={error} />,
  });
};
