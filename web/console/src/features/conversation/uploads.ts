import type { UploadedFile } from '@shared/api-types';
import { useEffect, useRef, useState } from 'react';
import { api } from '@/server/api';
import { errorText } from '@/ui/error-text';

/** A file that will go with the next message. */
export type Upload = {
  key: number;
  name: string;
  /** An address of the image itself, to show it before it is sent. */
  preview: string | null;
  state: { kind: 'uploading' } | { kind: 'done'; file: UploadedFile } | { kind: 'failed'; text: string };
};

export type Uploads = {
  items: Upload[];
  add: (files: File[]) => void;
  remove: (key: number) => void;
  clear: () => void;
};

let lastKey = 0;

const release = ({ preview }: Upload) => {
  if (preview) URL.revokeObjectURL(preview);
};

export function useUploads(conversationId: string): Uploads {
  const [items, setItems] = useState<Upload[]>([]);
  const held = useRef(items);
  held.current = items;
  useEffect(() => () => held.current.forEach(release), []);

  const settle = (key: number, state: Upload['state']) =>
    setItems((all) => all.map((upload) => (upload.key === key ? { ...upload, state } : upload)));

  return {
    items,
    add(files) {
      for (const file of files) {
        const key = ++lastKey;
        const preview = file.type.startsWith('image/') ? URL.createObjectURL(file) : null;
        setItems((all) => [...all, { key, name: file.name, preview, state: { kind: 'uploading' } }]);
        api.uploadFile(conversationId, file).then(
          (uploaded) => settle(key, { kind: 'done', file: uploaded }),
          (error) => settle(key, { kind: 'failed', text: errorText(error) }),
        );
      }
    },
    remove(key) {
      items.filter((upload) => upload.key === key).forEach(release);
      setItems((all) => all.filter((upload) => upload.key !== key));
    },
    clear() {
      items.forEach(release);
      setItems([]);
    },
  };
}
