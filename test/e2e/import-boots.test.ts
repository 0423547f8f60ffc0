// A machine is enlisted by a system that the region imported from a stream as MAAS's, by BIOS, while the system is deleted and imported again.
// `test/long/` has UEFI, undisturbed boots, and arm64.
// @host computes, 60 s

import { IMPORT_CASES, testImportBoots } from '../support/import-boots.ts';

testImportBoots([IMPORT_CASES.bios], 'amd64', [], 'changed');
