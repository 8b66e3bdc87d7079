import { ActionIcon, Group, Menu, Paper, Stack, Text, Title, useMantineColorScheme } from '@mantine/core';
import { IconLanguage, IconMoon, IconSun } from '@tabler/icons-react';
import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import { chooseLocale, locales } from '@/i18n/i18n';
import classes from './front-page.module.css';

/** The frame of the pages before signing in. */
export function FrontPage({ title, about, children }: { title: string; about: string; children: ReactNode }) {
  const { t } = useTranslation();
  const { setColorScheme, colorScheme } = useMantineColorScheme();
  const toDark = colorScheme !== 'dark';
  return (
    <main className={classes.page}>
      <Group className={classes.tools} gap={4}>
        <Menu position="bottom-end" shadow="md">
          <Menu.Target>
            <ActionIcon variant="subtle" color="gray" size="lg" aria-label={t('profile.language')}>
              <IconLanguage size={20} />
            </ActionIcon>
          </Menu.Target>
          <Menu.Dropdown>
            {Object.entries(locales).map(([locale, name]) => (
              <Menu.Item key={locale} lang={locale} onClick={() => void chooseLocale(locale)}>
                {name}
              </Menu.Item>
            ))}
          </Menu.Dropdown>
        </Menu>
        <ActionIcon
          variant="subtle"
          color="gray"
          size="lg"
          aria-label={t(toDark ? 'theme.dark' : 'theme.light')}
          onClick={() => setColorScheme(toDark ? 'dark' : 'light')}
        >
          {toDark ? <IconMoon size={20} /> : <IconSun size={20} />}
        </ActionIcon>
      </Group>
      <Stack className={classes.column} gap="lg">
        <Group gap="sm" justify="center">
          <img src="/favicon.svg" alt="" width={32} height={32} />
          <Text fw={700} size="xl">
            Parley
          </Text>
        </Group>
        <Paper withBorder p="xl" radius="lg">
          <Title order={1} size="h4" mb={4}>
            {title}
          </Title>
          <Text c="dimmed" size="sm" mb="md">
            {about}
          </Text>
          {children}
        </Paper>
      </Stack>
    </main>
  );
}
