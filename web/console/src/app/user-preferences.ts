import { useMantineColorScheme } from '@mantine/core';
import { useEffect } from 'react';
import { adoptLocale } from '@/i18n/i18n';
import { useMe } from '@/server/client';

/** A browser that knows no choice of its own takes the language and the theme of the account. */
export function useUserPreferences(): void {
  const { locale, theme } = useMe();
  const { setColorScheme } = useMantineColorScheme();
  useEffect(() => void adoptLocale(locale), [locale]);
  useEffect(() => {
    if (theme === 'light' || theme === 'dark' || theme === 'auto') setColorScheme(theme);
  }, [theme, setColorScheme]);
}
