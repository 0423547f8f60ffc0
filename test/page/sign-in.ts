// Signs a browser in with the form of the page.

import { PASSWORD } from '../region/live.ts';
import type { BrowserPage } from './chromium.ts';

/** Signs in as the administrator of `startRegion`. */
export async function signIn(browser: BrowserPage, origin: string): Promise<void> {
  await browser.open(`${origin}/MAAS/login/`);
  const values = JSON.stringify({ username: 'admin', password: PASSWORD });
  await browser
    .evaluate(
      `(Object.entries(${values}).forEach(([id, value]) => { document.getElementById(id).value = value; }), document.querySelector('form').submit(), 1)`,
    )
    .catch(() => undefined);
  await browser.until("location.pathname !== '/MAAS/login/' && document.readyState === 'complete'", 10_000);
  // An administrator of a new region is at its first steps.
  await browser.open(`${origin}/MAAS/`);
}
