// The documents that sentences name: `docs/power.md`, `config/rackboot.yaml`. Shown on this host,
// each is where this installation has it. Pure.
//
// 1. A file of that name in another directory, or with its line (`config/rackboot.yaml:3`), is the
//    user's own.

/** How a sentence says that this installation's packages are to be installed again. */
export const REINSTALL = "`npm ci` in Rackboot's directory";
const REINSTALL_PACKAGE = '`sudo apt install --reinstall rackboot`';

const DOCUMENT = /(?<![\w./@~-])(?:docs\/[a-z0-9-]+\.md|config\/(?:rackboot|region)\.yaml(?!:))/g;

export interface DocumentsPlace {
  /** What to put before `docs/` and `config/`, with its slash; empty if the working directory has them. */
  readonly directory: string;
  /** True if a package of the distribution is running. */
  readonly isPackaged: boolean;
}

export function nameDocuments(text: string, { directory, isPackaged }: DocumentsPlace): string {
  const prefixedText = directory === '' ? text : text.replace(DOCUMENT, `${directory}$&`);
  return isPackaged ? prefixedText.replaceAll(REINSTALL, REINSTALL_PACKAGE) : prefixedText;
}
