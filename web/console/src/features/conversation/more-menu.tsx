import { ActionIcon, Menu, Modal } from '@mantine/core';
import type { Conversation, Priority } from '@shared/api-types';
import { IconArchive, IconClockPause, IconDots, IconFlag, IconTag } from '@tabler/icons-react';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { TagsForm } from './tags-form';
import type { ConversationActions } from './use-conversation-actions';

const priorities: Record<Priority, string> = { low: 'gray', normal: 'blue', high: 'orange', urgent: 'red' };

export function MoreMenu({ conversation, does }: { conversation: Conversation; does: ConversationActions }) {
  const { t } = useTranslation();
  const [tagging, setTagging] = useState(false);
  return (
    <>
      <Menu position="bottom-end" width={220} shadow="md">
        <Menu.Target>
          <ActionIcon variant="default" size={30} aria-label={t('conversation.more')}>
            <IconDots size={16} />
          </ActionIcon>
        </Menu.Target>
        <Menu.Dropdown>
          <Menu.Label>{t('conversation.priority')}</Menu.Label>
          <Menu.RadioGroup
            value={conversation.priority}
            onChange={(priority) => does.update.mutate({ priority: priority as Priority })}
          >
            {(Object.keys(priorities) as Priority[]).map((priority) => (
              <Menu.RadioItem
                key={priority}
                value={priority}
                closeMenuOnClick
                rightSection={
                  <IconFlag size={16} aria-hidden color={`var(--mantine-color-${priorities[priority]}-6)`} />
                }
              >
                {t(`priority.${priority}`)}
              </Menu.RadioItem>
            ))}
          </Menu.RadioGroup>
          <Menu.Divider />
          <Menu.Item leftSection={<IconTag size={16} />} onClick={() => setTagging(true)}>
            {t('conversation.tags')}
          </Menu.Item>
          {conversation.status !== 'pending' && (
            <Menu.Item
              leftSection={<IconClockPause size={16} />}
              onClick={() => does.update.mutate({ status: 'pending' })}
            >
              {t('conversation.setPending')}
            </Menu.Item>
          )}
          {conversation.status !== 'archived' && (
            <Menu.Item
              leftSection={<IconArchive size={16} />}
              onClick={() => does.update.mutate({ status: 'archived' })}
            >
              {t('conversation.archive')}
            </Menu.Item>
          )}
        </Menu.Dropdown>
      </Menu>
      <Modal
        closeButtonProps={{ 'aria-label': t('common.close') }}
        opened={tagging}
        onClose={() => setTagging(false)}
        title={t('conversation.tags')}
        size="sm"
      >
        <TagsForm tags={conversation.tags} does={does} onDone={() => setTagging(false)} />
      </Modal>
    </>
  );
}
