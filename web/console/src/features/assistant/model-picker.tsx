import { Select } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';
import { queries } from '@/server/queries';

export type ModelChoice = { provider: string; model: string } | null;

const separator = '\n';

/** Which model answers; none chosen means that the configured route decides. */
export function ModelPicker({ value, onChange }: { value: ModelChoice; onChange: (choice: ModelChoice) => void }) {
  const { t } = useTranslation();
  const models = useQuery(queries.models).data ?? [];
  const options = models.map((model) => ({
    value: model.provider + separator + model.model,
    label: model.model,
    provider: model.provider,
    disabled: model.health.state === 'down',
  }));
  const groups = [...new Set(options.map((option) => option.provider))].map((provider) => ({
    group: provider,
    items: options.filter((option) => option.provider === provider),
  }));
  return (
    <Select
      size="xs"
      w={180}
      aria-label={t('assistant.model')}
      placeholder={t('assistant.automatic')}
      nothingFoundMessage={t('assistant.noModels')}
      data={groups}
      value={value && value.provider + separator + value.model}
      clearable
      searchable={options.length > 8}
      onChange={(chosen) => {
        const [provider, model] = chosen?.split(separator) ?? [];
        onChange(provider && model ? { provider, model } : null);
      }}
    />
  );
}
