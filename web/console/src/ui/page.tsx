import { Group, Stack, Text, Title } from '@mantine/core';
import type { ReactNode } from 'react';
import classes from './page.module.css';

/** A page of its own: title, what it is for, actions, content; scrolls by itself. */
export function Page({
  title,
  about,
  actions,
  wide,
  children,
}: {
  title: string;
  about?: string;
  actions?: ReactNode;
  wide?: boolean;
  children: ReactNode;
}) {
  return (
    <main className={classes.page}>
      <div className={classes.content} data-wide={wide || undefined}>
        <Group justify="space-between" align="flex-start" mb="lg" gap="sm">
          <Stack gap={2} flex={1} miw={200}>
            <Title order={1} size="h3">
              {title}
            </Title>
            {about && (
              <Text c="dimmed" size="sm">
                {about}
              </Text>
            )}
          </Stack>
          {actions}
        </Group>
        {children}
      </div>
    </main>
  );
}
