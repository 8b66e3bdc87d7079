import { ActionIcon, Button, Indicator, Popover, Select, Stack, TextInput } from '@mantine/core';
import { useDebouncedCallback } from '@mantine/hooks';
import { IconFilter } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { queries } from '@/server/queries';
import { nameOf } from '@/ui/names';
import type { InboxSearch } from './inbox-search';

const statuses = ['open', 'pending', 'resolved', 'archived'] as const;
const priorities = ['urgent', 'high', 'normal', 'low'] as const;

export function InboxFilters({ search, onSearch }: { search: InboxSearch; onSearch: (search: InboxSearch) => void }) {
  const { t } = useTranslation();
  const [opened, setOpened] = useState(false);
  const [tag, setTag] = useState(search.tag ?? '');
  const directory = useQuery({ ...queries.directory, enabled: opened }).data ?? [];
  const active = [search.status, search.priority, search.tag, search.assignee].filter(Boolean).length;
  const applyTag = useDebouncedCallback((value: string) => onSearch({ ...search, tag: value || undefined }), 300);
  return (
    <Popover opened={opened} onChange={setOpened} position="bottom-end" shadow="md" width={260} trapFocus>
      <Indicator label={active} size={16} disabled={active === 0}>
        <Popover.Target>
          <ActionIcon
            variant="subtle"
            color="gray"
            size="lg"
            aria-label={t('inbox.filters')}
            onClick={() => setOpened(!opened)}
          >
            <IconFilter size={18} />
          </ActionIcon>
        </Popover.Target>
      </Indicator>
      <Popover.Dropdown>
        <Stack gap="xs">
          <Select
            size="xs"
            clearable
            label={t('inbox.status')}
            comboboxProps={{ withinPortal: false }}
            data={statuses.map((value) => ({ value, label: t(`status.${value}`) }))}
            value={search.status ?? null}
            onChange={(status) => onSearch({ ...search, status: status ?? undefined })}
          />
          <Select
            size="xs"
            clearable
            label={t('conversation.priority')}
            comboboxProps={{ withinPortal: false }}
            data={priorities.map((value) => ({ value, label: t(`priority.${value}`) }))}
            value={search.priority ?? null}
            onChange={(priority) => onSearch({ ...search, priority: priority ?? undefined })}
          />
          <Select
            size="xs"
            clearable
            searchable
            label={t('inbox.assignee')}
            comboboxProps={{ withinPortal: false }}
            data={directory
              .filter((person) => person.role !== 'member')
              .map((person) => ({ value: person.id, label: nameOf(person) }))}
            value={search.assignee ?? null}
            onChange={(assignee) => onSearch({ ...search, assignee: assignee ?? undefined })}
          />
          <TextInput
            size="xs"
            label={t('inbox.tag')}
            value={tag}
            onChange={(event) => {
              setTag(event.currentTarget.value);
              applyTag(event.currentTarget.value.trim());
            }}
          />
          <Button
            size="xs"
            variant="default"
            disabled={active === 0}
            onClick={() => {
              setTag('');
              onSearch({ view: search.view });
            }}
          >
            {t('inbox.clearFilters')}
          </Button>
        </Stack>
      </Popover.Dropdown>
    </Popover>
  );
}
