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
    at: 'images/download/open-downloads.ts DOWNLOADS_MAX',
    what: 'files that are downloaded or wait for it',
    whoCanFill: 'only the operator, with imports that a site never lets end',
    whatOthersNotice: 'further imports are refused',
    howItEmpties: 'an import ends with its file or its reason, because attempts without progress are limited',
    share: 'none: all imports are those of the operator',
    test: 'images/download/open-downloads.test.ts',
  },
  {
    at: 'images/download/queue.ts DOCUMENTS_MAX',
    what: 'indexes, lists and signatures that are fetched at a time',
    whoCanFill: 'sites that answer slowly or not at all',
    whatOthersNotice: 'documents of other sites wait until these have stalled',
    harm: { kind: 'waits' },
    howItEmpties:
      'a document without an answer or a further byte is given up after 30 s, three times; one that comes slowly, after 10 minutes',
    share: 'DOCUMENTS_OF_HOST_MAX for one site; DOCUMENTS_KEPT are for sites that have none',
    test: 'images/download/document.test.ts',
  },
  {
    at: 'images/download/queue.ts DOCUMENTS_OF_HOST_MAX',
    what: 'of them from one host',
    whoCanFill: 'a site that answers slowly or not at all',
    whatOthersNotice: 'nothing: other sites keep the rest',
    howItEmpties: 'as DOCUMENTS_MAX',
    share: 'it is the share; a site has further places only as long as DOCUMENTS_KEPT are free',
    test: 'images/download/document.test.ts',
  },
  {
    at: 'images/download/part-file.ts HELD_BYTES_MAX',
    what: 'bytes of one file that wait for the disk',
    whoCanFill: 'a site that sends faster than the disk writes',
    whatOthersNotice: 'nothing: this site is read no further meanwhile',
    howItEmpties: 'as the disk writes',
    share: 'each of the few files at a time has its own',
    test: 'images/download/part-file.test.ts',
  },
  {
    at: 'images/download/source-health.ts SERVERS_MAX',
    what: 'servers whose successes and failures are remembered',
    whoCanFill: 'only the operator, with sources and mirrors',
    whatOthersNotice: 'nothing: a forgotten server is asked as a new one',
    howItEmpties: 'the one that was asked longest ago is forgotten',
    share: 'none: scores only order the servers',
    test: 'images/download/source-plan.test.ts',
  },
  {
    at: 'images/download/fault-words.ts ATTEMPTS_KEPT_MAX',
    what: 'attempts of one download that are remembered',
    whoCanFill: 'a site that fails again and again',
    whatOthersNotice: 'nothing: each attempt was shown when it ended',
    howItEmpties: 'the oldest is forgotten',
    share: 'each download has its own',
    test: 'images/download/download.test.ts',
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
