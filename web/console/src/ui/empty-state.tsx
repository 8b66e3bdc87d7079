import { Stack, Text, Title } from '@mantine/core';
import type { TablerIcon } from '@tabler/icons-react';
import type { ReactNode } from 'react';

/** Nothing here, and what to do about it. */
export function EmptyState({
  icon: Icon,
  title,
  order = 2,
  children,
}: {
  icon: TablerIcon;
  title: string;
  order?: 1 | 2;
  children?: ReactNode;
}) {
  return (
    <Stack align="center" justify="center" gap="xs" p="xl" ta="center" mih={240} flex={1}>
      <Icon size={40} stroke={1.25} aria-hidden color="var(--mantine-color-dimmed)" />
      <Title order={order} size="h4" fw={600}>
        {title}
      </Title>
      {typeof children === 'string' ? (
        <Text c="dimmed" size="sm" maw={420}>
          {children}
        </Text>
      ) : (
        children
      )}
    </Stack>
  );
}
