// aiworklab: written by `aiworklab setup opencode`, deleted by `aiworklab setup opencode --remove`. Changes are lost.
//
// Tells the desktop client of this machine what happens: which tools ended, when a turn begins and ends, the plan.
// It only listens. What a tool printed and what was said stay out. Nothing here is waited for, and nothing here
// throws: OpenCode runs plugins inside itself.
import { spawn, spawnSync } from "node:child_process"

const PROGRAM = "@PROGRAM@"
const ARGUMENTS = ["hook", "opencode"]
const QUIET = new Set("@QUIET@".split(" "))
const LISTS = new Set(["read", "list", "ls", "glob", "grep", "todowrite", "todoread", "webfetch", "websearch", "task", "skill"])
const MOST_WAITING = 500
const MOST_TEXT = 400_000
const PATIENCE_MS = 5_000
const AT_EXIT = { events: 20, each_ms: 200, all_ms: 500 }

const text = (value) => (typeof value === "string" ? value.slice(0, MOST_TEXT) : undefined)

function input(tool, given = {}) {
  if (tool === "bash") return { command: text(given.command) }
  if (tool === "write") return { filePath: text(given.filePath), content: text(given.content) }
  if (tool === "edit" || tool === "multiedit") {
    const one = (edit) => ({ oldString: text(edit?.oldString), newString: text(edit?.newString) })
    const edits = Array.isArray(given.edits) ? given.edits.slice(0, 200).map(one) : undefined
    return { filePath: text(given.filePath), ...one(given), edits }
  }
  if (tool === "patch" || tool === "apply_patch") return { patchText: text(given.patchText ?? given.patch) }
  return undefined
}

function metadata(tool, given = {}) {
  if (tool === "bash") return "exit" in given ? { exit: given.exit } : {}
  const patch = text(given.diff) ? undefined : text(given.filediff?.patch)
  return { diff: text(given.diff), filediff: patch && { patch }, exists: given.exists }
}

// What is told again and again, told once.
const told = new Set()
function first(key) {
  if (told.has(key)) return false
  if (told.size > 5_000) told.clear()
  told.add(key)
  return true
}

// The parts of an event that the client reads; undefined for an event that it does not.
function parts(type, said) {
  const sessionID = text(said.sessionID ?? said.info?.sessionID ?? said.part?.sessionID)
  const info = said.info
  switch (type) {
    case "session.created":
    case "session.updated":
    case "session.deleted":
      if (type === "session.updated" && !(info?.parentID && first("sub " + info.id))) return undefined
      return { sessionID, info: { id: text(info?.id), parentID: text(info?.parentID) } }
    case "session.idle":
    case "session.error":
    case "permission.asked":
    case "permission.updated":
    case "permission.replied":
      return { sessionID }
    case "todo.updated":
      if (!Array.isArray(said.todos)) return { sessionID }
      return { sessionID, todos: said.todos.slice(0, 200).map((todo) => ({ content: text(todo?.content), status: text(todo?.status) })) }
    case "message.updated":
      if (info?.role !== "user" || info.summary || !first("message " + info.id)) return undefined
      return { sessionID, info: { id: text(info.id), role: "user", sessionID } }
    case "message.part.updated": {
      const part = said.part
      const state = part?.state
      const ended = state?.status === "completed" || state?.status === "error"
      if (part?.type !== "tool" || !ended || LISTS.has(part.tool) || !first("call " + sessionID + " " + part.callID)) return undefined
      const tool = text(part.tool)
      const kept = { status: state.status, input: input(tool, state.input), metadata: metadata(tool, state.metadata) }
      return { sessionID, part: { type: "tool", tool, callID: text(part.callID), sessionID, state: kept } }
    }
    default:
      // A kind that this release does not know: its name alone, once.
      return QUIET.has(type.split(".")[0]) || !first("kind " + type) ? undefined : {}
  }
}

const waiting = []
let running
let show = () => {}

function next() {
  if (running || waiting.length === 0) return
  running = waiting.shift()
  const payload = running
  let over = false
  const done = () => {
    if (over) return
    over = true
    clearTimeout(timer)
    running = undefined
    next()
  }
  let child
  const timer = setTimeout(() => { try { child?.kill() } catch {} ; done() }, PATIENCE_MS)
  timer.unref?.()
  try {
    child = spawn(PROGRAM, ARGUMENTS, { stdio: ["pipe", "pipe", "ignore"] })
    let said = ""
    child.on("error", done)
    child.on("close", () => { try { show(said) } catch {} ; done() })
    child.stdout.on("error", () => {})
    child.stdout.on("data", (bytes) => { if (said.length < 4_096) said += bytes })
    child.stdin.on("error", () => {})
    child.stdin.end(payload)
    child.unref?.()
  } catch { done() }
}

// OpenCode is leaving: what still waits, the one under way included (told twice it counts once).
function last() {
  const began = Date.now()
  for (const payload of [running, ...waiting].filter(Boolean).slice(-AT_EXIT.events)) {
    if (Date.now() - began > AT_EXIT.all_ms) return
    try { spawnSync(PROGRAM, ARGUMENTS, { input: payload, timeout: AT_EXIT.each_ms, stdio: ["pipe", "ignore", "ignore"] }) } catch { return }
  }
}

export const Aiworklab = async (context) => {
  try {
    process.on("exit", last)
    show = (said) => {
      const line = said.trim() && JSON.parse(said).toast
      if (typeof line !== "string") return
      const shown = context.client.tui.showToast({ body: { message: line, variant: "info", duration: 12_000 } })
      shown?.catch?.(() => {})
    }
  } catch {}
  return {
    event: ({ event } = {}) => {
      try {
        const type = event?.type
        if (typeof type !== "string") return
        const properties = parts(type, event.properties ?? {})
        if (!properties) return
        if (waiting.length >= MOST_WAITING) waiting.shift()
        waiting.push(JSON.stringify({ type, properties }))
        setTimeout(next, 0)
      } catch {}
    },
  }
}
