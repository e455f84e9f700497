/**
 * Writes the client's types from the API document.
 *
 * Where the document says no more than "object", anything may travel: elements of points, for one,
 * are words and numbers. Such places become `unknown`, so that the pages must look before they use.
 */
import { writeFile } from 'node:fs/promises'
import { pathToFileURL } from 'node:url'
import openapiTS, { astToString, COMMENT_HEADER } from 'openapi-typescript'
import ts from 'typescript'

const api = new URL('../../openapi/bartizan.json', import.meta.url)
const types = new URL('../src/api/schema.d.ts', import.meta.url)

function isOpenObject(schema) {
  const kinds = [schema.type].flat()
  return kinds.includes('object') && !schema.properties && !schema.additionalProperties
}

/** The text of src/api/schema.d.ts. */
export async function clientTypes() {
  const tree = await openapiTS(api, {
    transform: (schema) => (isOpenObject(schema) ? ts.factory.createKeywordTypeNode(ts.SyntaxKind.UnknownKeyword) : undefined),
  })
  return COMMENT_HEADER + astToString(tree)
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
  await writeFile(types, await clientTypes())
}
