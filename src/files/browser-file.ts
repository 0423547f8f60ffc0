// A file for browsers, under a name that changes with its text, so that they may cache it forever.
//
// Sources: RFC 8246 (immutable); Node's `module.stripTypeScriptTypes`.
//
// 1. A script of a checkout is TypeScript. Its types are stripped at the first request for it:
//    Node's compiler takes 80 ms and keeps 20 MB, which a daemon without visitors to its page does
//    not pay. A package has the script without types.

import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { stripTypeScriptTypes } from 'node:module';
import { join } from 'node:path';
import { errorText, RackError } from '../ground/errors.ts';

const NAME_DIGITS = 12;

const MEDIA_TYPES = { js: 'text/javascript; charset=utf-8', css: 'text/css; charset=utf-8' } as const;

export interface BrowserFile {
  /** `page-0123456789ab.css` */
  readonly name: string;
  readonly mediaType: string;
  text(): string;
}

/**
 * Reads a file for browsers.
 * @param stem its name without the ending
 * @throws RackError `tree-unreadable` when it is not part of this installation
 */
export function readBrowserFile(directory: string, stem: string, kind: keyof typeof MEDIA_TYPES): BrowserFile {
  const typeScriptPath = join(directory, `${stem}.ts`);
  const isTypeScript = kind === 'js' && existsSync(typeScriptPath);
  const source = readInstalled(isTypeScript ? typeScriptPath : join(directory, `${stem}.${kind}`));
  const digest = createHash('sha256').update(source).digest('hex').slice(0, NAME_DIGITS);
  let strippedText: string | undefined;
  return {
    name: `${stem}-${digest}.${kind}`,
    mediaType: MEDIA_TYPES[kind],
    text: () => {
      strippedText ??= isTypeScript ? stripTypeScriptTypes(source) : source;
      return strippedText;
    },
  };
}

/** Reads a text of this installation. @throws RackError `tree-unreadable` when it is not part of it */
export function readInstalled(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (cause) {
    throw new RackError('tree-unreadable', `a file of the page, ${path}, cannot be read: ${errorText(cause)}`, {
      cause,
    });
  }
}
