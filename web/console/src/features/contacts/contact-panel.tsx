import { Anchor, Badge, Button, Divider, Group, Stack, Text, Title } from '@mantine/core';
import type { Contact, Conversation } from '@shared/api-types';
import { IconEdit, IconGitMerge, IconRosetteDiscountCheck } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { type ReactNode, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { queries } from '@/server/queries';
import { ErrorNotice } from '@/ui/error-notice';
import { PersonAvatar } from '@/ui/person-avatar';
import { RowsSkeleton } from '@/ui/rows-skeleton';
import { Age } from '@/ui/times';
import { ContactForm } from './contact-form';
import { EarlierConversations } from './earlier-conversations';
import { MergeModal } from './merge-modal';

/** Who the visitor is, what is known, what was before. */
export function ContactPanel({ contactId, conversation }: { contactId: string; conversation?: Conversation }) {
  const { t } = useTranslation();
  const contact = useQuery(queries.contact(contactId));
  const [editing, setEditing] = useState(false);
  const [merging, setMerging] = useState(false);
  if (contact.isPending) return <RowsSkeleton rows={5} height={24} />;
  if (contact.error && !contact.data) return <ErrorNotice error={contact.error} onRetry={contact.refetch} />;
  if (editing) return <ContactForm contact={contact.data} onDone={() => setEditing(false)} />;
  return (
    <Stack gap="sm">
      <Group wrap="nowrap" align="flex-start">
        <PersonAvatar name={contact.data.name ?? '?'} size={44} />
        <div style={{ minWidth: 0, flex: 1 }}>
          <Title order={2} size="h5" style={{ overflowWrap: 'anywhere' }}>
            {contact.data.name ?? t('common.visitor')}
          </Title>
          {contact.data.verified && (
            <Badge size="sm" color="teal" variant="light" leftSection={<IconRosetteDiscountCheck size={12} />}>
              {t('contacts.verified')}
            </Badge>
          )}
        </div>
      </Group>
      <Facts contact={contact.data} conversation={conversation} />
      {contact.data.note && (
        <Text size="sm" style={{ whiteSpace: 'pre-wrap', overflowWrap: 'anywhere' }}>
          {contact.data.note}
        </Text>
      )}
      <Group gap="xs">
        <Button size="xs" variant="default" leftSection={<IconEdit size={14} />} onClick={() => setEditing(true)}>
          {t('common.edit')}
        </Button>
        <Button size="xs" variant="default" leftSection={<IconGitMerge size={14} />} onClick={() => setMerging(true)}>
          {t('contacts.merge')}
        </Button>
      </Group>
      {conversation && conversation.tags.length > 0 && (
        <Group gap={4}>
          {conversation.tags.map((tag) => (
            <Badge key={tag} variant="light" size="sm" tt="none">
              {tag}
            </Badge>
          ))}
        </Group>
      )}
      <Divider />
      <EarlierConversations contactId={contactId} exceptId={conversation?.id} />
      <MergeModal contact={contact.data} opened={merging} onClose={() => setMerging(false)} />
    </Stack>
  );
}

function Facts({ contact, conversation }: { contact: Contact; conversation?: Conversation }) {
  const { t } = useTranslation();
  const page = conversation?.session?.page_url;
  return (
    <Stack gap={6} component="dl" m={0}>
      <Fact label={t('contacts.email')}>
        {contact.email && <Anchor href={`mailto:${contact.email}`}>{contact.email}</Anchor>}
      </Fact>
      <Fact label={t('contacts.phone')}>
        {contact.phone && <Anchor href={`tel:${contact.phone}`}>{contact.phone}</Anchor>}
      </Fact>
      <Fact label={t('contacts.externalId')}>{contact.external_id}</Fact>
      <Fact label={t('contacts.locale')}>{contact.locale}</Fact>
      <Fact label={t('contacts.lastSeen')}>{contact.last_seen_at && <Age at={contact.last_seen_at} />}</Fact>
      <Fact label={t('contacts.page')}>{page && shortPage(page)}</Fact>
      {Object.entries(contact.attributes ?? {}).map(([name, value]) => (
        <Fact key={name} label={name}>
          {typeof value === 'string' ? value : JSON.stringify(value)}
        </Fact>
      ))}
    </Stack>
  );
}

function Fact({ label, children }: { label: string; children: ReactNode }) {
  if (!children) return null;
  return (
    <div>
      <Text component="dt" size="xs" c="dimmed">
        {label}
      </Text>
      <Text component="dd" size="sm" m={0} style={{ overflowWrap: 'anywhere' }}>
        {children}
      </Text>
    </div>
  );
}

function shortPage(address: string): string {
  return URL.canParse(address) ? new URL(address).pathname : address;
}
