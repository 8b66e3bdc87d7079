import { Button, Modal, Table, Text, TextInput } from '@mantine/core';
import { useDebouncedValue } from '@mantine/hooks';
import { IconAddressBook, IconPlus, IconSearch } from '@tabler/icons-react';
import { useInfiniteQuery } from '@tanstack/react-query';
import { Link, useNavigate } from '@tanstack/react-router';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { queries } from '@/server/queries';
import { EmptyState } from '@/ui/empty-state';
import { ErrorNotice } from '@/ui/error-notice';
import { LoadMore } from '@/ui/load-more';
import { Page } from '@/ui/page';
import { RowsSkeleton } from '@/ui/rows-skeleton';
import { Age } from '@/ui/times';
import { ContactForm } from './contact-form';
import classes from './contacts-page.module.css';

export function ContactsPage() {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const [q, setQ] = useState('');
  const [adding, setAdding] = useState(false);
  const [wanted] = useDebouncedValue(q, 200);
  const contacts = useInfiniteQuery(queries.contacts(wanted));
  const items = contacts.data?.pages.flatMap((page) => page.items) ?? [];
  return (
    <Page
      wide
      title={t('contacts.title')}
      about={t('contacts.about')}
      actions={
        <Button leftSection={<IconPlus size={16} />} onClick={() => setAdding(true)}>
          {t('contacts.add')}
        </Button>
      }
    >
      <TextInput
        mb="md"
        type="search"
        leftSection={<IconSearch size={16} />}
        aria-label={t('contacts.search')}
        placeholder={t('contacts.search')}
        value={q}
        onChange={(event) => setQ(event.currentTarget.value)}
      />
      {contacts.isPending && <RowsSkeleton />}
      {contacts.error && !contacts.data && <ErrorNotice error={contacts.error} onRetry={contacts.refetch} />}
      {contacts.data && items.length === 0 && (
        <EmptyState icon={IconAddressBook} title={wanted ? t('contacts.noMatch') : t('contacts.empty')}>
          {wanted ? undefined : t('contacts.emptyText')}
        </EmptyState>
      )}
      {items.length > 0 && (
        <Table verticalSpacing="sm" highlightOnHover className={classes.table}>
          <Table.Thead>
            <Table.Tr>
              <Table.Th>{t('contacts.name')}</Table.Th>
              <Table.Th className={classes.wide}>{t('contacts.email')}</Table.Th>
              <Table.Th className={classes.wide}>{t('contacts.conversations')}</Table.Th>
              <Table.Th>{t('contacts.lastSeen')}</Table.Th>
            </Table.Tr>
          </Table.Thead>
          <Table.Tbody>
            {items.map((contact) => (
              <Table.Tr key={contact.id}>
                <Table.Td className={classes.name}>
                  <Link to="/contacts/$contactId" params={{ contactId: contact.id }}>
                    {contact.name || contact.email || contact.external_id || t('common.visitor')}
                  </Link>
                </Table.Td>
                <Table.Td className={classes.wide}>{contact.email}</Table.Td>
                <Table.Td className={classes.wide}>{contact.conversations}</Table.Td>
                <Table.Td>
                  <Text size="sm" c="dimmed">
                    {contact.last_seen_at ? <Age at={contact.last_seen_at} /> : '–'}
                  </Text>
                </Table.Td>
              </Table.Tr>
            ))}
          </Table.Tbody>
        </Table>
      )}
      <LoadMore query={contacts} />
      <Modal
        closeButtonProps={{ 'aria-label': t('common.close') }}
        opened={adding}
        onClose={() => setAdding(false)}
        title={t('contacts.add')}
      >
        <ContactForm
          onDone={(saved) => {
            setAdding(false);
            if (saved) void navigate({ to: '/contacts/$contactId', params: { contactId: saved.id } });
          }}
        />
      </Modal>
    </Page>
  );
}
