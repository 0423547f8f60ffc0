// The tables of `rackboot images sources` and `rackboot images selections`.

import type { Argv } from 'yargs';
import type { SharedOptions } from '../terminal/shared-options.ts';

type Finish = (code: number) => void;

const text = { type: 'string', requiresArg: true } as const;
const list = { type: 'string', array: true, requiresArg: true } as const;
const trust = {
  index: { ...text, describe: 'The path of its index below the URL; empty: the usual one' },
  unsigned: { type: 'boolean', describe: 'Require no signature; only HTTPS protects the site (with --why)' },
  why: { ...text, describe: '(--unsigned) Why the site is used without signatures' },
  keyring: {
    ...text,
    describe:
      "Path of a file with its OpenPGP keys on the region's host, which each import reads again, as packages update it",
  },
  keys: { ...text, describe: 'Or a file with its OpenPGP keys on this host; the region stores a copy' },
} as const;
const lists = {
  arches: { ...list, describe: 'Architectures (repeat); * stands for all' },
  subarches: { ...list, describe: 'Sub-architectures (repeat); * stands for all' },
  labels: { ...list, describe: 'Labels, such as release or daily (repeat); * stands for all' },
} as const;
const selection = { type: 'string', demandOption: true, describe: 'Its number, or ubuntu/noble' } as const;
const source = { type: 'string', demandOption: true, describe: 'Its number, name or URL' } as const;

/** Adds `sources` and `selections` to `rackboot images`. */
export function bootSourceCommands<T>(command: Argv<T>, shared: SharedOptions, finish: Finish): Argv<T> {
  return command
    .command('sources', 'The sources from which the region imports images', (sources) =>
      sourceCommands(sources, shared, finish).demandCommand(1, 'name what to do: add, list, set or remove').strict(),
    )
    .command('selections', 'The images that the region imports from its sources', (selections) =>
      selectionCommands(selections, shared, finish)
        .demandCommand(1, 'name what to do: add, list, set or remove')
        .strict(),
    );
}

function sourceCommands<T>(command: Argv<T>, { config, json }: SharedOptions, finish: Finish) {
  return command
    .command('list', 'List the sources', { config, json }, async (argv) => {
      const { listSources } = await import('./source-list.ts');
      finish(await listSources(argv));
    })
    .command(
      'add <url>',
      'Add a simplestreams site, with its keys (--keyring or --keys) or --unsigned',
      (add) =>
        add
          .positional('url', {
            type: 'string',
            demandOption: true,
            describe: 'Its URL, or that of its index (.sjson, .json)',
          })
          .options({ config, json, ...trust }),
      async (argv) => {
        const { addSource } = await import('./boot-sources.ts');
        finish(await addSource(argv));
      },
    )
    .command(
      'set <source>',
      'Change keys, trust, index or URL of a source',
      (set) =>
        set.positional('source', source).options({ config, json, ...trust, url: { ...text, describe: 'Its new URL' } }),
      async (argv) => {
        const { setSource } = await import('./boot-sources.ts');
        finish(await setSource(argv));
      },
    )
    .command(
      'remove <source>',
      'Remove a source with its selections; imported images stay',
      (remove) => remove.positional('source', source).options({ config, json }),
      async (argv) => {
        const { removeSource } = await import('./boot-sources.ts');
        finish(await removeSource(argv));
      },
    );
}

function selectionCommands<T>(command: Argv<T>, { config, json }: SharedOptions, finish: Finish) {
  return command
    .command(
      'list [source]',
      'List the selections of all sources, or of one',
      (all) => all.positional('source', { ...source, demandOption: false }).options({ config, json }),
      async (argv) => {
        const { listSelections } = await import('./boot-selections.ts');
        finish(await listSelections(argv));
      },
    )
    .command(
      'add <source> [image]',
      'Select images of a source, such as ubuntu/noble; default: all',
      (add) =>
        add
          .positional('source', source)
          .positional('image', { type: 'string', describe: 'System and release; * stands for all' })
          .options({ config, json, ...lists }),
      async (argv) => {
        const { addSelection } = await import('./boot-selections.ts');
        finish(await addSelection(argv));
      },
    )
    .command(
      'set <source> <selection>',
      'Change which images of its release a selection includes',
      (set) =>
        set
          .positional('source', source)
          .positional('selection', selection)
          .options({ config, json, ...lists }),
      async (argv) => {
        const { setSelection } = await import('./boot-selections.ts');
        finish(await setSelection(argv));
      },
    )
    .command(
      'remove <source> <selection>',
      'Remove a selection; imported images stay',
      (remove) => remove.positional('source', source).positional('selection', selection).options({ config, json }),
      async (argv) => {
        const { removeSelection } = await import('./boot-selections.ts');
        finish(await removeSelection(argv));
      },
    );
}
