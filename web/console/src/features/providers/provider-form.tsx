import {
  Button,
  Group,
  NumberInput,
  PasswordInput,
  Select,
  SimpleGrid,
  Stack,
  Switch,
  TagsInput,
  Text,
  TextInput,
} from '@mantine/core';
import { useForm } from '@mantine/form';
import type { Provider, ProviderType } from '@shared/api-types';
import { useMutation } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';
import { api, type ProviderChange } from '@/server/api';
import { ErrorNotice } from '@/ui/error-notice';
import { fieldErrors } from '@/ui/error-text';
import { providersChanged } from './providers-changed';

const types: ProviderType[] = ['openai', 'deepseek', 'dashscope', 'openai_compatible', 'simulator'];
const needsNoKey: ProviderType[] = ['simulator', 'knowledge'];
const faults = ['none', 'refuse', 'rate_limit', 'server_error', 'stall', 'cut', 'malformed'] as const;

type Values = {
  name: string;
  type: ProviderType;
  base_url: string;
  api_key: string;
  models: string[];
  enabled: boolean;
  first_token_ms: number;
  tokens_per_second: number;
  reply_tokens: number;
  fault: string;
  fault_after_tokens: number;
};

export function ProviderForm({ provider, onDone }: { provider: Provider | null; onDone: () => void }) {
  const { t } = useTranslation();
  const setting = (name: string, otherwise: number) => Number(provider?.settings?.[name] ?? otherwise);
  const form = useForm<Values>({
    initialValues: {
      name: provider?.name ?? '',
      type: provider?.type ?? 'openai',
      base_url: provider?.base_url ?? '',
      api_key: '',
      models: provider?.models ?? [],
      enabled: provider?.enabled ?? true,
      first_token_ms: setting('first_token_ms', 200),
      tokens_per_second: setting('tokens_per_second', 40),
      reply_tokens: setting('reply_tokens', 60),
      fault: String(provider?.settings?.fault ?? 'none'),
      fault_after_tokens: setting('fault_after_tokens', 0),
    },
  });
  const { type } = form.values;
  const save = useMutation({
    mutationFn: (values: Values) => {
      const { name, base_url, api_key, models, enabled, type: kind, ...simulation } = values;
      const change: ProviderChange = {
        name: name.trim(),
        base_url: base_url.trim(), // empty: the usual one
        models,
        enabled,
        ...(api_key && { api_key }),
        ...(kind === 'simulator' && { settings: simulation }),
      };
      return provider ? api.updateProvider(provider.id, change) : api.createProvider({ ...change, type: kind });
    },
    onSuccess: () => {
      onDone();
      return providersChanged();
    },
    onError: (error) => form.setErrors(fieldErrors(error)),
    meta: { inline: true },
  });
  return (
    <form onSubmit={form.onSubmit((values) => save.mutate(values))}>
      <Stack gap="sm">
        <Select
          label={t('providers.kind')}
          allowDeselect={false}
          disabled={provider !== null}
          data={(provider ? [provider.type] : types).map((value) => ({ value, label: t(`providers.type.${value}`) }))}
          {...form.getInputProps('type')}
          onChange={(value) => {
            if (!value) return;
            form.setFieldValue('type', value);
            if (!form.isTouched('name')) form.setFieldValue('name', value.replace('_', '-'));
          }}
        />
        <TextInput
          label={t('providers.name')}
          description={t('providers.nameHint')}
          required
          maxLength={60}
          {...form.getInputProps('name')}
        />
        {!needsNoKey.includes(type) && (
          <>
            <PasswordInput
              label={t('providers.apiKey')}
              description={provider?.has_key ? t('providers.keyKept') : t('providers.keySealed')}
              required={!provider && type !== 'openai_compatible'}
              autoComplete="off"
              visibilityToggleButtonProps={{ 'aria-label': t('account.showPassword') }}
              {...form.getInputProps('api_key')}
            />
            <TextInput
              label={t('providers.baseUrl')}
              description={type === 'openai_compatible' ? undefined : t('providers.baseUrlHint')}
              type="url"
              required={type === 'openai_compatible'}
              placeholder="https://"
              {...form.getInputProps('base_url')}
            />
            <TagsInput
              label={t('providers.models')}
              description={t('providers.modelsHint')}
              acceptValueOnBlur
              {...form.getInputProps('models')}
            />
          </>
        )}
        {type === 'simulator' && (
          <>
            <Text size="sm" c="dimmed">
              {t('providers.simulatorText')}
            </Text>
            <SimpleGrid cols={2} spacing="sm">
              <NumberInput
                label={t('providers.firstToken')}
                min={0}
                max={60_000}
                suffix=" ms"
                {...form.getInputProps('first_token_ms')}
              />
              <NumberInput
                label={t('providers.tokensPerSecond')}
                min={1}
                max={10_000}
                {...form.getInputProps('tokens_per_second')}
              />
              <NumberInput
                label={t('providers.replyTokens')}
                min={1}
                max={10_000}
                {...form.getInputProps('reply_tokens')}
              />
              <Select
                label={t('providers.fault')}
                allowDeselect={false}
                data={faults.map((value) => ({ value, label: t(`providers.faults.${value}`) }))}
                {...form.getInputProps('fault')}
              />
              {form.values.fault !== 'none' && (
                <NumberInput
                  label={t('providers.faultAfter')}
                  min={0}
                  max={10_000}
                  {...form.getInputProps('fault_after_tokens')}
                />
              )}
            </SimpleGrid>
          </>
        )}
        <Switch label={t('providers.enabled')} {...form.getInputProps('enabled', { type: 'checkbox' })} />
        {save.error && <ErrorNotice error={save.error} />}
        <Group justify="flex-end">
          <Button type="submit" loading={save.isPending}>
            {t('common.save')}
          </Button>
        </Group>
      </Stack>
    </form>
  );
}
