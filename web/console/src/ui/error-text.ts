import { ApiError } from '@shared/api-client';
import i18next from 'i18next';

/** What happened, in the reader's language when the code is known, else in the server's words. */
export function errorText(error: unknown): string {
  if (error instanceof ApiError) {
    const key = `errors.${error.code}`;
    return i18next.exists(key) ? i18next.t(key as 'errors.network') : error.message;
  }
  return error instanceof Error ? error.message : String(error);
}

/** The first message for each field of a refused form, by the field's name. */
export function fieldErrors(error: unknown): Record<string, string> {
  if (!(error instanceof ApiError)) return {};
  return Object.fromEntries(
    Object.entries(error.errors).flatMap(([field, messages]) =>
      messages[0] ? [[field.replace(/^\$\./, ''), messages[0]]] : [],
    ),
  );
}
