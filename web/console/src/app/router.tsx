import {
  createRootRoute,
  createRoute,
  createRouter,
  lazyRouteComponent,
  Outlet,
  redirect,
} from '@tanstack/react-router';
import { parseInboxSearch } from '@/features/inbox/inbox-search';
import { currentSession, isAtLeast } from '@/server/client';
import { FailedPage, NotFoundPage } from './not-found-page';
import { Shell } from './shell';

const root = createRootRoute({ component: Outlet, notFoundComponent: NotFoundPage, errorComponent: FailedPage });
const text = (value: unknown) => (typeof value === 'string' && value !== '' ? value : undefined);

// Before signing in
const setup = createRoute({
  getParentRoute: () => root,
  path: '/setup',
  validateSearch: (search: Record<string, unknown>) => ({ token: text(search.token) }),
  component: lazyRouteComponent(() => import('@/features/setup/setup-page'), 'SetupPage'),
});
const signIn = createRoute({
  getParentRoute: () => root,
  path: '/sign-in',
  validateSearch: (search: Record<string, unknown>) => ({ to: text(search.to) }),
  component: lazyRouteComponent(() => import('@/features/sign-in/sign-in-page'), 'SignInPage'),
});

// Signed in
const shell = createRoute({
  getParentRoute: () => root,
  id: 'shell',
  component: Shell,
  beforeLoad: ({ location }) => {
    if (!currentSession())
      throw redirect({ to: '/sign-in', search: { to: location.href === '/' ? undefined : location.href } });
  },
});
const home = createRoute({
  getParentRoute: () => shell,
  path: '/',
  beforeLoad: () => {
    const user = currentSession()?.user;
    throw redirect({ to: user && isAtLeast(user, 'agent') ? '/inbox' : '/assistant' });
  },
});

const inbox = createRoute({
  getParentRoute: () => shell,
  path: '/inbox',
  validateSearch: parseInboxSearch,
  component: lazyRouteComponent(() => import('./pages/inbox-page'), 'InboxPage'),
});
const inboxNone = createRoute({
  getParentRoute: () => inbox,
  path: '/',
  component: lazyRouteComponent(() => import('./pages/inbox-page'), 'NoConversation'),
});
const inboxConversation = createRoute({
  getParentRoute: () => inbox,
  path: '$conversationId',
  component: lazyRouteComponent(() => import('./pages/inbox-conversation'), 'InboxConversation'),
});

const assistant = createRoute({
  getParentRoute: () => shell,
  path: '/assistant',
  component: lazyRouteComponent(() => import('./pages/assistant-page'), 'AssistantPage'),
});
const assistantNew = createRoute({
  getParentRoute: () => assistant,
  path: '/',
  component: lazyRouteComponent(() => import('@/features/assistant/new-assistant-chat'), 'NewAssistantChat'),
});
const assistantConversation = createRoute({
  getParentRoute: () => assistant,
  path: '$conversationId',
  component: lazyRouteComponent(() => import('./pages/assistant-page'), 'AssistantConversation'),
});

const groups = createRoute({
  getParentRoute: () => shell,
  path: '/groups',
  component: lazyRouteComponent(() => import('./pages/groups-page'), 'GroupsPage'),
});
const groupsNone = createRoute({
  getParentRoute: () => groups,
  path: '/',
  component: lazyRouteComponent(() => import('./pages/groups-page'), 'NoGroup'),
});
const groupConversation = createRoute({
  getParentRoute: () => groups,
  path: '$conversationId',
  component: lazyRouteComponent(() => import('./pages/groups-page'), 'GroupConversation'),
});

const contacts = createRoute({
  getParentRoute: () => shell,
  path: '/contacts',
  component: lazyRouteComponent(() => import('@/features/contacts/contacts-page'), 'ContactsPage'),
});
const contact = createRoute({
  getParentRoute: () => shell,
  path: '/contacts/$contactId',
  component: lazyRouteComponent(() => import('@/features/contacts/contact-page'), 'ContactPage'),
});
const search = createRoute({
  getParentRoute: () => shell,
  path: '/search',
  validateSearch: (query: Record<string, unknown>) => ({ q: text(query.q) }),
  component: lazyRouteComponent(() => import('@/features/search/search-page'), 'SearchPage'),
});

const settings = createRoute({
  getParentRoute: () => shell,
  path: '/settings',
  component: lazyRouteComponent(() => import('./pages/settings-layout'), 'SettingsLayout'),
});
const settingsHome = createRoute({
  getParentRoute: () => settings,
  path: '/',
  component: lazyRouteComponent(() => import('./pages/settings-layout'), 'SettingsHome'),
});
const profile = createRoute({
  getParentRoute: () => settings,
  path: 'profile',
  component: lazyRouteComponent(() => import('@/features/profile/profile-page'), 'ProfilePage'),
});
const sessions = createRoute({
  getParentRoute: () => settings,
  path: 'sessions',
  component: lazyRouteComponent(() => import('@/features/profile/sessions-page'), 'SessionsPage'),
});
const cannedReplies = createRoute({
  getParentRoute: () => settings,
  path: 'canned-replies',
  component: lazyRouteComponent(() => import('@/features/canned-replies/canned-replies-page'), 'CannedRepliesPage'),
});
const people = createRoute({
  getParentRoute: () => settings,
  path: 'people',
  component: lazyRouteComponent(() => import('@/features/people/people-page'), 'PeoplePage'),
});
const providers = createRoute({
  getParentRoute: () => settings,
  path: 'providers',
  component: lazyRouteComponent(() => import('@/features/providers/providers-page'), 'ProvidersPage'),
});
const widget = createRoute({
  getParentRoute: () => settings,
  path: 'widget',
  component: lazyRouteComponent(() => import('@/features/widget-settings/widget-settings-page'), 'WidgetSettingsPage'),
});
const apiKeys = createRoute({
  getParentRoute: () => settings,
  path: 'api-keys',
  component: lazyRouteComponent(() => import('@/features/api-keys/api-keys-page'), 'ApiKeysPage'),
});
const organisation = createRoute({
  getParentRoute: () => settings,
  path: 'organisation',
  component: lazyRouteComponent(() => import('@/features/people/organisation-page'), 'OrganisationPage'),
});
const statistics = createRoute({
  getParentRoute: () => settings,
  path: 'statistics',
  component: lazyRouteComponent(() => import('@/features/statistics/statistics-page'), 'StatisticsPage'),
});
const audit = createRoute({
  getParentRoute: () => settings,
  path: 'audit',
  component: lazyRouteComponent(() => import('@/features/audit/audit-page'), 'AuditPage'),
});

function stringifySearch(search: Record<string, unknown>): string {
  const given = Object.entries(search).flatMap(([name, value]) => (value === undefined ? [] : [[name, String(value)]]));
  return given.length > 0 ? `?${new URLSearchParams(given)}` : '';
}

const routeTree = root.addChildren([
  setup,
  signIn,
  shell.addChildren([
    home,
    inbox.addChildren([inboxNone, inboxConversation]),
    assistant.addChildren([assistantNew, assistantConversation]),
    groups.addChildren([groupsNone, groupConversation]),
    contacts,
    contact,
    search,
    settings.addChildren([
      settingsHome,
      profile,
      sessions,
      cannedReplies,
      people,
      providers,
      widget,
      apiKeys,
      organisation,
      statistics,
      audit,
    ]),
  ]),
]);

export const router = createRouter({
  routeTree,
  // Texts stay texts: an order number in a search is not a number.
  parseSearch: (search) => Object.fromEntries(new URLSearchParams(search)),
  stringifySearch,
  defaultPreload: 'intent',
  // A fresh page shows nothing rather than a flash of a spinner.
  defaultPendingMs: 300,
  defaultErrorComponent: FailedPage,
  defaultNotFoundComponent: NotFoundPage,
});

declare module '@tanstack/react-router' {
  interface Register {
    router: typeof router;
  }
}
