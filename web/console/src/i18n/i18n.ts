import i18next from 'i18next';
import { initReactI18next } from 'react-i18next';
import { en } from './en';

export const locales = { en: 'English', 'zh-CN': '简体中文' } as const;
export type Locale = keyof typeof locales;

const key = 'parley.locale';
const isLocale = (text: string | null | undefined): text is Locale => text === 'en' || text === 'zh-CN';

/** What the person chose, or else what the browser prefers. */
export function preferredLocale(): Locale {
  const chosen = localStorage.getItem(key);
  if (isLocale(chosen)) return chosen;
  return navigator.languages.some((language) => language.toLowerCase().startsWith('zh')) ? 'zh-CN' : 'en';
}

/** What the person chooses counts in this browser from now on. */
export async function chooseLocale(locale: string): Promise<void> {
  if (!isLocale(locale)) return;
  localStorage.setItem(key, locale);
  await show(locale);
}

/** What the account says counts where nothing was chosen. */
export async function adoptLocale(locale: string | null): Promise<void> {
  if (isLocale(locale) && !isLocale(localStorage.getItem(key))) await show(locale);
}

async function show(locale: Locale): Promise<void> {
  await load(locale);
  await i18next.changeLanguage(locale);
}

/** English is at hand; other languages are fetched when they are wanted. */
async function load(locale: Locale): Promise<void> {
  document.documentElement.lang = locale;
  if (locale === 'zh-CN' && !i18next.hasResourceBundle(locale, 'translation')) {
    const { zhCn } = await import('./zh-cn');
    i18next.addResourceBundle(locale, 'translation', zhCn);
  }
}

export async function startI18n(): Promise<void> {
  const locale = preferredLocale();
  await i18next.use(initReactI18next).init({
    lng: locale,
    fallbackLng: 'en',
    resources: { en: { translation: en } },
    partialBundledLanguages: true,
    interpolation: { escapeValue: false },
  });
  await load(locale);
  if (locale !== 'en') await i18next.changeLanguage(locale);
}

declare module 'i18next' {
  interface CustomTypeOptions {
    resources: { translation: typeof en };
  }
}
