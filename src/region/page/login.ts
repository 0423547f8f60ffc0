// Signing in and out.
//
// 1. A form of another site signs nobody in: its origin is not ours (`isOwnOrigin`).
// 2. After signing in a browser is led to a page of ours only.

/** A page of ours to go on to; anything else becomes the first one. */
export const safeTarget = (to: string): string =>
  /^\/MAAS\/[A-Za-z0-9/._~:%?=&+-]{0,500}$/.test(to) && !to.includes('//') ? to : '/MAAS/';

/** What of a request tells from where a form was sent. */
export interface FormOrigin {
  readonly origin: string | undefined;
  readonly site: string | undefined;
  readonly host: string | undefined;
}

/** True for a form that a page of ours has sent, or a program that is no browser. */
export function isOwnOrigin({ origin, site, host }: FormOrigin): boolean {
  if (site !== undefined && site !== 'same-origin' && site !== 'none') return false;
  if (origin === undefined) return true;
  return host !== undefined && (origin === `http://${host}` || origin === `https://${host}`);
}

/** The name of the cookie: labs on one host, each at its own port, must not sign each other out. */
export const cookieName = (port: number | undefined): string => `rackboot-${port ?? 0}`;

/** The cookie of a session; with an empty token the one that ends it. */
export function cookieOf(name: string, token: string, isSecure: boolean): string {
  const age = token === '' ? '; Max-Age=0' : '';
  return `${name}=${token}; Path=/MAAS/; HttpOnly; SameSite=Lax${age}${isSecure ? '; Secure' : ''}`;
}
