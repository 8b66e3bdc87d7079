import { CloseButton, Loader } from '@mantine/core';
import { IconAlertCircle, IconFile } from '@tabler/icons-react';
import { useTranslation } from 'react-i18next';
import classes from './upload-list.module.css';
import type { Uploads } from './uploads';

export function UploadList({ uploads }: { uploads: Uploads }) {
  const { t } = useTranslation();
  if (uploads.items.length === 0) return null;
  return (
    <ul className={classes.list}>
      {uploads.items.map(({ key, name, preview, state }) => (
        <li key={key} className={classes.item} data-failed={state.kind === 'failed' || undefined}>
          {preview ? <img src={preview} alt="" /> : <IconFile size={20} aria-hidden />}
          <span className={classes.name}>
            {name}
            {state.kind === 'failed' && <small role="alert">{state.text}</small>}
          </span>
          {state.kind === 'uploading' && <Loader size={14} aria-label={t('conversation.uploading')} />}
          {state.kind === 'failed' && <IconAlertCircle size={16} aria-hidden />}
          <CloseButton
            size="sm"
            onClick={() => uploads.remove(key)}
            aria-label={t('conversation.removeFile', { name })}
          />
        </li>
      ))}
    </ul>
  );
}
