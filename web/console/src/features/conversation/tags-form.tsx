import { Button, Group, TagsInput } from '@mantine/core';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { ConversationActions } from './use-conversation-actions';

export function TagsForm({ tags, does, onDone }: { tags: string[]; does: ConversationActions; onDone: () => void }) {
  const { t } = useTranslation();
  const [value, setValue] = useState(tags);
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        does.update.mutate({ tags: value }, { onSuccess: onDone });
      }}
    >
      <TagsInput
        data-autofocus
        label={t('conversation.tags')}
        description={t('conversation.tagsHint')}
        value={value}
        onChange={setValue}
        maxTags={20}
        acceptValueOnBlur
      />
      <Group justify="flex-end" mt="md">
        <Button type="submit" loading={does.update.isPending}>
          {t('common.save')}
        </Button>
      </Group>
    </form>
  );
}
