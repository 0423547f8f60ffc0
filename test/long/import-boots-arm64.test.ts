// A machine with arm64 is enlisted by a system that the region imported from a stream as MAAS's.
// @host computes, 170 s

import { IMPORT_CASES, testImportBoots } from '../cases/import-boots.ts';

testImportBoots([IMPORT_CASES.arm64], 'arm64', ['qemu-system-aarch64', '/usr/share/AAVMF/AAVMF_CODE.fd']);
