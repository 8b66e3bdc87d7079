import { Anchor, Paper } from '@mantine/core';
import { useMutation } from '@tanstack/react-query';
import { Link, useNavigate, useParams } from '@tanstack/react-router';
import { useTranslation } from 'react-i18next';
import { api } from '@/server/api';
import { queryClient } from '@/server/queries';
import { ConfirmButton } from '@/ui/confirm-button';
import { Page } from '@/ui/page';
import { ContactPanel } from './contact-panel';

export function ContactPage() {
  const { t } = useTranslation();
  const { contactId } = useParams({ from: '/shell/contacts/$contactId' });
  const navigate = useNavigate();
  const remove = useMutation({
    mutationFn: () => api.deleteContact(contactId),
    onSuccess: () => {
      void queryClient.invalidateQueries({ queryKey: ['contacts', 'list'] });
      return navigate({ to: '/contacts' });
    },
  });
  return (
    <Page
      title={t('contacts.one')}
      actions={
        <ConfirmButton
          size="xs"
          color="red"
          variant="light"
          question={t('contacts.deleteQuestion')}
          loading={remove.isPending}
          onConfirm={() => remove.mutate()}
        >
          {t('common.delete')}
        </ConfirmButton>
      }
    >
      <Anchor component={Link} to="/contacts" size="sm">
        ← {t('contacts.title')}
      </Anchor>
      <Paper withBorder p="md" mt="sm">
        <ContactPanel key={contactId} contactId={contactId} />
      </Paper>
    </Page>
  );
}
