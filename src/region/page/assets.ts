// The script and the style of the page, and the policy that allows nothing else.
//
// 1. A browser may keep both for ever: their addresses change with their texts.

import { join } from 'node:path';
import { type BrowserFile, readBrowserFile } from '../../files/browser-file.ts';

const WEB = join(import.meta.dirname, '../../web');

export const PAGE_SCRIPT = readBrowserFile(WEB, 'page', 'js');
export const PAGE_STYLE = readBrowserFile(WEB, 'page', 'css');

/** The address of one of them. */
export const assetPath = ({ name }: Pick<BrowserFile, 'name'>): string => `/MAAS/assets/${name}`;

/** The Content-Security-Policy of the page: scripts, styles and requests of its own origin, and no frame around it. */
export const PAGE_POLICY = [
  "default-src 'none'",
  "style-src 'self'",
  "script-src 'self'",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'self'",
  "frame-ancestors 'none'",
].join('; ');
