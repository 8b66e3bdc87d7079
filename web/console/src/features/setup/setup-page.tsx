import { useMutation, useQuery } from '@tanstack/react-query';
import { Navigate, useNavigate, useSearch } from '@tanstack/react-router';
import { useTranslation } from 'react-i18next';
import { chooseLocale } from '@/i18n/i18n';
import { api, type Registration } from '@/server/api';
import { signIn, updateStoredUser } from '@/server/client';
import { queries } from '@/server/queries';
import { AccountForm } from '@/ui/account-form';
import { ErrorNotice } from '@/ui/error-notice';
import { FrontPage } from '@/ui/front-page';

/** The first start of an installation: its first account, the administrator. */
export function SetupPage() {
  const { t, i18n } = useTranslation();
  const { token } = useSearch({ from: '/setup' });
  const navigate = useNavigate();
  const state = useQuery(queries.authState);
  const create = useMutation({
    mutationFn: (registration: Registration) => api.register({ ...registration, setup_token: token }),
    onSuccess: (session) => {
      void chooseLocale(i18n.language); // in which it was just read
      signIn(session);
      void api.updateMe({ locale: i18n.language }).then(updateStoredUser, () => undefined); // a wish, no condition
      return navigate({ to: '/inbox', search: {} });
    },
    meta: { inline: true },
  });
  if (state.data && !state.data.setup_required && !create.isSuccess)
    return <Navigate to="/sign-in" search={{ to: undefined }} />;
  return (
    <FrontPage title={t('setup.title')} about={t('setup.about')}>
      {state.error && <ErrorNotice error={state.error} onRetry={state.refetch} />}
      <AccountForm
        submitLabel={t('setup.submit')}
        pending={create.isPending}
        error={create.error}
        onSubmit={(values) => create.mutate(values)}
      />
    </FrontPage>
  );
}
