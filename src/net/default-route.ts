// Which interfaces of this host lead to a default router. Source: proc(5) on /proc/net/route.

import { readFileSync } from 'node:fs';

/** Empty where the system does not say. */
export function readDefaultRouteInterfaces(): ReadonlySet<string> {
  let text = '';
  try {
    text = readFileSync('/proc/net/route', 'latin1');
  } catch {
    // Not Linux: the default route is unknown.
  }
  return parseDefaultRoutes(text);
}

/** Each row: interface, destination, gateway, flags … mask (the eighth). */
export function parseDefaultRoutes(text: string): ReadonlySet<string> {
  const rows = text.split('\n').map((line) => line.split(/\s+/));
  return new Set(rows.flatMap((row) => (row[1] === '00000000' && row[7] === '00000000' ? [row[0] ?? ''] : [])));
}
