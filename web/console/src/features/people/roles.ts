import type { Role } from '@shared/api-types';

/** From the least to the most. */
export const roles: Role[] = ['member', 'agent', 'supervisor', 'admin'];
