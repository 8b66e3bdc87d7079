import { Avatar, Indicator } from '@mantine/core';
import type { Presence } from '@shared/api-types';
import { useTranslation } from 'react-i18next';

/** Those whose light shade still reads well. */
const colorsOfInitials = ['violet', 'grape', 'pink', 'red', 'orange', 'cyan', 'teal'];
const colors = { online: 'teal.6', away: 'yellow.6', offline: 'gray.5' } as const;

/** Initials in a colour that follows from the name, and a dot that says whether the person is there. */
export function PersonAvatar({ name, presence, size = 32 }: { name: string; presence?: Presence; size?: number }) {
  const { t } = useTranslation();
  const avatar = (
    <Avatar name={name} color="initials" allowedInitialsColors={colorsOfInitials} size={size} radius="xl" aria-hidden />
  );
  if (!presence) return avatar;
  return (
    <Indicator
      color={colors[presence]}
      size={10}
      offset={4}
      position="bottom-end"
      withBorder
      title={t(`presence.${presence}`)}
    >
      {avatar}
    </Indicator>
  );
}
