// The URL of the page, as a command and the log name it.

import type { RegionConfig } from './config.ts';

/** `region.public_url`, else the page at a listener that other hosts reach, else at one that only this host does. It ends in a slash. */
export function pageUrl({ publicUrl, listen, tls }: Pick<RegionConfig, 'publicUrl' | 'listen' | 'tls'>): string {
  if (publicUrl !== undefined) return publicUrl.endsWith('/') ? publicUrl : `${publicUrl}/`;
  const doors = tls?.listen ?? listen;
  const isForOthers = ({ host }: { readonly host: string }): boolean => host !== '0.0.0.0' && !host.startsWith('127.');
  const { host, port } = doors.find(isForOthers) ?? doors[0] ?? { host: '127.0.0.1', port: 0 };
  return `http${tls === undefined ? '' : 's'}://${host === '0.0.0.0' ? '127.0.0.1' : host}:${port}/MAAS/`;
}
