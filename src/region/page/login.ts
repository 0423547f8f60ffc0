// Signing in and out: redirect targets, form origins and the session cookie.
//
// 1. A form from another origin cannot sign a user in (`isOwnOrigin`).
// 2. After signing in, a browser is redirected only to one of our own pages.

/** The redirect target if it is one of our pages, else the list of machines. */
export const safeTarget = (to: string): string =>
  /^\/MAAS\/[A-Za-z0-9/._~:%?=&+-]{0,500}$/.test(to) && !to.includes('//') ? to : '/MAAS/';

/** The headers that show where a form was sent from. */
interface FormOrigin {
  readonly origin: string | undefined;
  readonly site: string | undefined;
  readonly host: string | undefined;
}

/** True for a form from one of our pages, or from a program that is not a browser. */
export function isOwnOrigin({ origin, site, host }: FormOrigin): boolean {
  if (site !== undefined && site !== 'same-origin' && site !== 'none') return false;
  if (origin === undefined) return true;
  return host !== undefined && (origin === `http://${host}` || origin === `https://${host}`);
}

/**
 * The cookie's name. It contains a port, because browsers share cookies between the ports of a host. It is the port that the browser named:
 * behind a load balancer, one browser reaches processes with different ports.
 */
export const cookieName = (host: string | undefined): string => `rackboot-${/:(\d{1,5})$/.exec(host ?? '')?.[1] ?? 0}`;

/** The `Set-Cookie` value of a session; an empty token deletes the cookie. */
export function cookieOf(name: string, token: string, isSecure: boolean): string {
  const age = token === '' ? '; Max-Age=0' : '';
  return `${name}=${token}; Path=/MAAS/; HttpOnly; SameSite=Lax${age}${isSecure ? '; Secure' : ''}`;
}
