import { Group, Kbd, Stack, Table, Title } from '@mantine/core';
import { useTranslation } from 'react-i18next';
import { isAtLeast, useMe } from '@/server/client';

const inbox = { j: 'next', k: 'previous', Enter: 'open' } as const;
const conversation = { r: 'reply', n: 'note', a: 'assign', e: 'resolve', t: 'takeOver', '/': 'snippets' } as const;
const pages = { 'g i': 'inbox', 'g c': 'contacts' } as const;
const everyone = {
  'g a': 'assistant',
  'g t': 'groups',
  'g f': 'search',
  'g s': 'settings',
  'g p': 'profile',
  '?': 'help',
} as const;

export function ShortcutHelp() {
  const { t } = useTranslation();
  const isAgent = isAtLeast(useMe(), 'agent');
  const sections = [
    ...(isAgent
      ? [
          { title: t('shell.inbox'), keys: inbox },
          { title: t('shortcuts.conversation'), keys: conversation },
        ]
      : []),
    { title: t('shell.pages'), keys: isAgent ? { ...pages, ...everyone } : everyone },
  ];
  return (
    <Stack>
      {sections.map(({ title, keys }) => (
        <section key={title}>
          <Title order={3} size="sm" mb={4}>
            {title}
          </Title>
          <Table verticalSpacing={6}>
            <Table.Tbody>
              {Object.entries(keys).map(([key, name]) => (
                <Table.Tr key={key}>
                  <Table.Td>{t(`shortcuts.${name}`)}</Table.Td>
                  <Table.Td w={120}>
                    <Group gap={4} justify="flex-end">
                      {key.split(' ').map((part) => (
                        <Kbd key={part}>{part}</Kbd>
                      ))}
                    </Group>
                  </Table.Td>
                </Table.Tr>
              ))}
            </Table.Tbody>
          </Table>
        </section>
      ))}
    </Stack>
  );
}
