// The page's script and style sheet, and the policy that allows nothing else.
//
// 1. Browsers may cache both forever: their URLs change with their content.

import { join } from 'node:path';
import { type BrowserFile, readBrowserFile } from '../../../files/browser-file.ts';

const WEB = join(import.meta.dirname, '../../../web');

export const PAGE_SCRIPT = readBrowserFile(WEB, 'page', 'js');
export const PAGE_STYLE = readBrowserFile(WEB, 'page', 'css');

export const assetPath = ({ name }: Pick<BrowserFile, 'name'>): string => `/MAAS/assets/${name}`;

/** The page's Content-Security-Policy: scripts, styles and requests of its own origin, and no framing. */
export const PAGE_POLICY = [
  "default-src 'none'",
  "style-src 'self'",
  "script-src 'self'",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'self'",
  "frame-ancestors 'none'",
].join('; ');
