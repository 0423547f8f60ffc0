// The tables of `rackboot images sources` and `rackboot images selections`.

import { group, row } from '../terminal/command-table.ts';
import { config, json, option, requiredArgument } from '../terminal/shared-options.ts';
import { LISTS, TRUST } from './options.ts';

const source = requiredArgument('Its number, name or URL');
const selection = requiredArgument('Its number, or ubuntu/noble');
const MISSING = 'name what to do: add, list, set or remove';

const sources = () => import('./boot-sources.ts');
const selections = () => import('./boot-selections.ts');

export const SOURCE_COMMANDS = group(
  'sources',
  'The sources from which the region imports images',
  [
    row('list', 'List the sources', { config, json }, () => import('./source-list.ts'), 'listSources'),
    row(
      'add <url>',
      'Add a simplestreams site, with its keys (--keyring or --keys) or --unsigned',
      { url: requiredArgument('Its URL, or that of its index (.sjson, .json)'), config, json, ...TRUST },
      sources,
      'addSource',
    ),
    row(
      'set <source>',
      'Change keys, trust, index or URL of a source',
      { source, config, json, ...TRUST, url: option('Its new URL') },
      sources,
      'setSource',
    ),
    row(
      'remove <source>',
      'Remove a source with its selections; imported images stay',
      { source, config, json },
      sources,
      'removeSource',
    ),
  ],
  MISSING,
);

export const SELECTION_COMMANDS = group(
  'selections',
  'The images that the region imports from its sources',
  [
    row(
      'list [source]',
      'List the selections of all sources, or of one',
      { source: { ...source, demandOption: false }, config, json },
      selections,
      'listSelections',
    ),
    row(
      'add <source> [image]',
      'Select images of a source, such as ubuntu/noble; default: all',
      {
        source,
        image: { type: 'string', describe: 'System and release; * stands for all' },
        config,
        json,
        ...LISTS,
      },
      selections,
      'addSelection',
    ),
    row(
      'set <source> <selection>',
      'Change which images of its release a selection includes',
      { source, selection, config, json, ...LISTS },
      selections,
      'setSelection',
    ),
    row(
      'remove <source> <selection>',
      'Remove a selection; imported images stay',
      { source, selection, config, json },
      selections,
      'removeSelection',
    ),
  ],
  MISSING,
);
