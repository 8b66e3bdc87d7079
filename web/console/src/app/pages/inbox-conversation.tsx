import { ActionIcon, Drawer } from '@mantine/core';
import { IconUserCircle } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { useNavigate, useParams, useSearch } from '@tanstack/react-router';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { ContactPanel } from '@/features/contacts/contact-panel';
import { ConversationView } from '@/features/conversation/conversation-view';
import { queries } from '@/server/queries';
import classes from './columns.module.css';

export function InboxConversation() {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const { conversationId } = useParams({ from: '/shell/inbox/$conversationId' });
  const search = useSearch({ from: '/shell/inbox' });
  const [drawer, setDrawer] = useState(false);
  const conversation = useQuery(queries.conversation(conversationId)).data;
  const contactId = conversation?.contact?.id;
  const panel = contactId && <ContactPanel key={contactId} contactId={contactId} conversation={conversation} />;
  return (
    <>
      <ConversationView
        conversationId={conversationId}
        onBack={() => navigate({ to: '/inbox', search })}
        actions={() =>
          contactId && (
            <ActionIcon
              className={classes.panelButton}
              variant="default"
              size={30}
              aria-label={t('contacts.show')}
              onClick={() => setDrawer(true)}
            >
              <IconUserCircle size={18} />
            </ActionIcon>
          )
        }
      />
      {panel && (
        <aside className={classes.panel} aria-label={t('contacts.one')}>
          {panel}
        </aside>
      )}
      <Drawer
        closeButtonProps={{ 'aria-label': t('common.close') }}
        opened={drawer}
        onClose={() => setDrawer(false)}
        position="right"
        size={340}
        title={t('contacts.one')}
      >
        {panel}
      </Drawer>
    </>
  );
}
