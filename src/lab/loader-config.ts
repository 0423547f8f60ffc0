// Parses a pxelinux configuration as far as a simulated machine needs it: the default label's
// kernel, initrd and arguments, or the local disk (syslinux's doc/syslinux.txt and
// doc/pxelinux.txt).

export type LoaderInstruction =
  | {
      readonly kind: 'linux';
      readonly kernel: string;
      readonly initrds: readonly string[];
      readonly append: string;
      readonly sysappendBootif: boolean;
    }
  | { readonly kind: 'local' }
  /** Runs something else, such as a module that powers off. */
  | { readonly kind: 'other'; readonly kernel: string };

interface Label {
  readonly name: string;
  readonly values: Map<string, string>;
}

/** Parses a configuration; undefined if it names nothing to run. */
export function parsePxelinuxConfig(text: string): LoaderInstruction | undefined {
  const globals = new Map<string, string>();
  const labels: Label[] = [];
  for (const raw of text.split('\n')) {
    const match = /^\s*(\w+)(?:\s+(.*?))?\s*$/.exec(raw);
    if (match === null) continue;
    const key = (match[1] ?? '').toLowerCase();
    const value = match[2] ?? '';
    if (key === 'label') labels.push({ name: value, values: new Map() });
    else (labels.at(-1)?.values ?? globals).set(key, value);
  }
  const defaultLabel = globals.get('default') ?? globals.get('ontimeout');
  const values = labels.find(({ name }) => name === defaultLabel)?.values ?? labels[0]?.values ?? globals;
  if (values.has('localboot')) return { kind: 'local' };
  const kernel = values.get('kernel') ?? values.get('linux') ?? values.get('com32');
  if (kernel === undefined) return undefined;
  if (/chain\.c32$/.test(kernel)) return { kind: 'local' };
  const append = values.get('append') ?? '';
  const initrdArgument = /(?:^|\s)initrd=(\S+)/.exec(append)?.[1];
  const initrd = values.get('initrd') ?? initrdArgument;
  if (initrd === undefined) return { kind: 'other', kernel };
  return {
    kind: 'linux',
    kernel,
    initrds: initrd.split(',').filter((name) => name !== ''),
    append,
    sysappendBootif:
      (Number(
        values.get('ipappend') ?? values.get('sysappend') ?? globals.get('ipappend') ?? globals.get('sysappend') ?? 0,
      ) &
        2) !==
      0,
  };
}

/** The value of the last `NAME=value` in a kernel line. */
export function kernelArgument(line: string, name: string): string | undefined {
  return line
    .split(/\s+/)
    .findLast((word) => word.startsWith(`${name}=`))
    ?.slice(name.length + 1);
}
