import { ActionIcon, Button, Group, Paper, Select, Stack, Text, Title } from '@mantine/core';
import { notifications } from '@mantine/notifications';
import type { Route, Routes } from '@shared/api-types';
import { IconArrowDown, IconArrowUp, IconGripVertical, IconX } from '@tabler/icons-react';
import { useMutation, useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { api } from '@/server/api';
import { queries, queryClient } from '@/server/queries';
import { moved } from './moved';
import classes from './routes-editor.module.css';

const uses = ['support', 'chat', 'summary'] as const;
const nameOf = (route: Route) => (route.model ? `${route.provider} / ${route.model}` : route.provider);

export function RoutesEditor() {
  const { t } = useTranslation();
  const routes = useQuery(queries.routes);
  const [edited, setEdited] = useState<Routes | null>(null);
  const save = useMutation({
    mutationFn: (next: Routes) => api.updateRoutes(next),
    onSuccess: (saved) => {
      queryClient.setQueryData(queries.routes.queryKey, saved);
      setEdited(null);
      notifications.show({ message: t('common.saved') });
    },
  });
  const current = edited ?? routes.data;
  if (!current) return null;
  return (
    <Stack mt="xl" gap="sm" component="section">
      <div>
        <Title order={2} size="h4">
          {t('providers.routes')}
        </Title>
        <Text size="sm" c="dimmed">
          {t('providers.routesText')}
        </Text>
      </div>
      {uses.map((use) => (
        <RouteList
          key={use}
          use={use}
          routes={current[use]}
          onChange={(list) => setEdited({ ...current, [use]: list })}
        />
      ))}
      <Group>
        <Button disabled={!edited} loading={save.isPending} onClick={() => edited && save.mutate(edited)}>
          {t('providers.saveRoutes')}
        </Button>
        {edited && (
          <Button variant="subtle" onClick={() => setEdited(null)}>
            {t('common.cancel')}
          </Button>
        )}
      </Group>
    </Stack>
  );
}

type ListProps = { use: (typeof uses)[number]; routes: Route[]; onChange: (routes: Route[]) => void };

function RouteList({ use, routes, onChange }: ListProps) {
  const { t } = useTranslation();
  const [dragged, setDragged] = useState<number | null>(null);
  const models = useQuery(queries.models).data ?? [];
  const free = models
    .map(({ provider, model }) => ({ provider, model }))
    .filter((route) => !routes.some((known) => known.provider === route.provider && known.model === route.model));
  return (
    <Paper withBorder p="sm">
      <Text size="sm" fw={600} mb={6}>
        {t(`providers.use.${use}`)}
      </Text>
      <ol className={classes.list}>
        {routes.map((route, index) => (
          <li
            key={nameOf(route)}
            className={classes.item}
            draggable
            data-dragged={dragged === index || undefined}
            onDragStart={() => setDragged(index)}
            onDragEnd={() => setDragged(null)}
            onDragOver={(event) => dragged !== null && event.preventDefault()}
            onDrop={() => dragged !== null && onChange(moved(routes, dragged, index))}
          >
            <IconGripVertical size={16} aria-hidden className={classes.grip} />
            <span className={classes.name}>{nameOf(route)}</span>
            <ActionIcon
              variant="subtle"
              color="gray"
              size="sm"
              disabled={index === 0}
              aria-label={t('providers.moveUp', { name: nameOf(route) })}
              onClick={() => onChange(moved(routes, index, index - 1))}
            >
              <IconArrowUp size={14} />
            </ActionIcon>
            <ActionIcon
              variant="subtle"
              color="gray"
              size="sm"
              disabled={index === routes.length - 1}
              aria-label={t('providers.moveDown', { name: nameOf(route) })}
              onClick={() => onChange(moved(routes, index, index + 1))}
            >
              <IconArrowDown size={14} />
            </ActionIcon>
            <ActionIcon
              variant="subtle"
              color="gray"
              size="sm"
              aria-label={t('providers.removeRoute', { name: nameOf(route) })}
              onClick={() => onChange(routes.toSpliced(index, 1))}
            >
              <IconX size={14} />
            </ActionIcon>
          </li>
        ))}
      </ol>
      {routes.length === 0 && (
        <Text size="sm" c="dimmed" mb={6}>
          {t(`providers.noRoute.${use}`)}
        </Text>
      )}
      <Select
        size="xs"
        maw={320}
        aria-label={t('providers.addRoute')}
        placeholder={t('providers.addRoute')}
        searchable
        value={null}
        data={free.map((route) => ({ value: String(free.indexOf(route)), label: nameOf(route) }))}
        nothingFoundMessage={t('providers.noMoreModels')}
        onChange={(value) => {
          const route = free[Number(value)];
          if (value !== null && route) onChange([...routes, route]);
        }}
      />
    </Paper>
  );
}
