import { Modal } from '@mantine/core';
import type { Attachment } from '@shared/api-types';
import { IconFile } from '@tabler/icons-react';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { fileUrl } from '@/server/client';
import classes from './attachment-list.module.css';
import { fileSize } from './file-size';

const isImage = (attachment: Attachment) => /^image\/(png|jpeg|gif|webp|avif)$/.test(attachment.content_type);

export function AttachmentList({ attachments }: { attachments: readonly Attachment[] }) {
  const { t, i18n } = useTranslation();
  const [shown, setShown] = useState<Attachment | null>(null);
  if (attachments.length === 0) return null;
  return (
    <div className={classes.list}>
      {attachments.map((attachment) =>
        isImage(attachment) ? (
          <button
            key={attachment.id}
            type="button"
            className={classes.image}
            onClick={() => setShown(attachment)}
            aria-label={t('conversation.openImage', { name: attachment.name })}
          >
            <img src={fileUrl(attachment.url)} alt={attachment.name} loading="lazy" />
          </button>
        ) : (
          <a key={attachment.id} className={classes.file} href={fileUrl(attachment.url)} download={attachment.name}>
            <IconFile size={20} aria-hidden />
            <span>
              {attachment.name}
              <small>{fileSize(attachment.size, i18n.language)}</small>
            </span>
          </a>
        ),
      )}
      <Modal
        closeButtonProps={{ 'aria-label': t('common.close') }}
        opened={shown !== null}
        onClose={() => setShown(null)}
        title={shown?.name}
        size="auto"
        centered
      >
        {shown && <img className={classes.full} src={fileUrl(shown.url)} alt={shown.name} />}
      </Modal>
    </div>
  );
}
