// The bounds of downloads of images.

import type { HeldBound } from './row.ts';

export const IMAGE_BOUNDS: readonly HeldBound[] = [
  {
    at: 'region-thread/imports/run-item.ts IMPORTS_MAX',
    what: 'images that a region imports at a time',
    whoCanFill: 'three selected sources that send their images slowly',
    whatOthersNotice: 'the images of further sources stay queued',
    harm: { kind: 'waits' },
    howItEmpties:
      'an import ends, or its server asks for a pause of more than a minute; a person can pause or cancel it',
    share: 'IMPORTS_OF_SOURCE_MAX for one source; the last place is for a source that has none',
    test: 'region-thread/import-run.test.ts',
  },
  {
    at: 'region-thread/imports/run-item.ts IMPORTS_OF_SOURCE_MAX',
    what: 'of them from one source',
    whoCanFill: 'a selected source that sends its images slowly',
    whatOthersNotice: 'nothing: other sources keep the rest',
    howItEmpties: 'as IMPORTS_MAX',
    share: 'it is the share of one source',
    test: 'region-thread/import-run.test.ts',
  },
  {
    at: 'images/download/queue.ts DOCUMENTS_OF_HOST_MAX',
    what: 'indexes, lists and signatures that are fetched from one host at a time',
    whoCanFill: 'a site that answers slowly or not at all',
    whatOthersNotice: 'nothing: only further documents of this site wait',
    howItEmpties:
      'a document without an answer or a further byte is given up after 30 s, three times; one that comes slowly, after 10 minutes',
    share: 'it is the share of one site',
    test: 'images/download/document.test.ts',
  },
  {
    at: 'images/download/source-plan.ts SERVERS_MAX',
    what: 'servers whose failures are remembered',
    whoCanFill: 'only the operator, with sources and mirrors',
    whatOthersNotice: 'nothing: a forgotten server is asked as a new one',
    howItEmpties: 'the one that failed longest ago is forgotten',
    share: 'none: failures only order the servers',
    test: 'images/download/source-plan.test.ts',
  },
  {
    at: 'images/download/fault-words.ts ATTEMPTS_KEPT_MAX',
    what: 'attempts of one download that are remembered',
    whoCanFill: 'a site that fails again and again',
    whatOthersNotice: 'nothing: each attempt was shown when it ended',
    howItEmpties: 'the oldest is forgotten',
    share: 'each download has its own',
    test: 'images/download/queue.test.ts',
  },
  {
    at: 'images/sources/seen-sweep.ts SEEN_MAX',
    what: 'documents of sites whose time an import remembers, so that it refuses older ones',
    whoCanFill: 'a selected source that gives its documents new names in each version of its index',
    whatOthersNotice: 'nothing, while they have fewer documents than that source',
    howItEmpties:
      'a document that no import has needed for a year is forgotten; beyond the bound the site with the most loses those first that were needed longest ago',
    share: 'by site: only the one with the most documents loses some',
    test: 'images/sources/seen-sweep.test.ts',
  },
];
