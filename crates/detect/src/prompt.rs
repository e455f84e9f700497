//! Instructions to a language model in a text that is data to it: to drop its rules, or to show them.
//!
//! Evidence is an order of two parts: to leave what was said before, and what to do instead, and a word that speaks to or
//! of a model. Less than that is ordinary language.
//!
//! Benign look-alikes: `please disregard my previous message`, `ignore the previous instructions and send me the signed
//! copy`, `you are now in debug mode`, `print the original instructions`, `how do I write a prompt that ignores …`.

use std::ops::Range;

use bartizan_api::attack_type::AttackType;

use crate::shape::Context;
use crate::signature::{Detector, Places, Signature, Test, Trust};

/// To leave what was said before.
macro_rules! leave {
    () => {
        r"(?:^|[.!?:;,\n\x22'*#>)\]-][\s]*|\b(?:please|now|must|and|you[\s]+to)[\s]+)(?:ignore|disregard|forget|override|bypass)[\s]+(?:(?:all|any|every|everything|the|your|of|my|these|those|previous|prior|above|earlier|preceding|initial|original|system|safety|content)[\s]+){1,5}(?:instructions?|directions?|directives?|prompts?|rules|guidelines|guardrails|programming|filters|commands)\b"
    };
}

pub(crate) static DETECTOR: Detector = Detector {
    attack_type: AttackType::AiAttack,
    signatures: &[
        Signature {
            stamp: 55001,
            subtype: "ai_prompt_injection",
            gate: &["ignore", "disregard", "forget", "override", "bypass"],
            needs: "",
            test: Test::Checked(
                concat!(
                    leave!(),
                    r".{0,120}?(?:\bsystem[\s]+prompt\b|\byou[\s]+are[\s]+(?:now|a|an)\b|\bfrom[\s]+now[\s]+on\b|\binstead[\s,]+(?:say|print|output|reply|respond|tell|write|you)\b|(?:\b(?:and|then|just|only|simply|now)|,|:|\.)[\s]+(?:print|output|reveal|say|tell[\s]+me|act|respond|reply|repeat|show[\s]+me|give[\s]+me|leak|dump|list[\s]+(?:all|your)|execute|pretend|write[\s]+(?:a|an|the)|answer|send[\s]+all[\s]+(?:the|your)|translate|do[\s]+anything)\b|\bhidden[\s]+instructions\b)"
                ),
                names_a_model,
            ),
            trust: Trust::Prose,
            places: Places::Values,
        },
        Signature {
            stamp: 55002,
            subtype: "ai_prompt_injection",
            gate: &[
                "you are now",
                "do anything now",
                "developer mode",
                "<|im_start|>",
                "<|system|>",
                "[inst]",
                "<<sys>>",
                "pretend",
                "act as",
            ],
            needs: "",
            test: Test::Checked(
                r"\byou[\s]+are[\s]+now[\s]+(?:dan\b|in[\s]+(?:developer|debug|admin|god|unrestricted|jailbreak)[\s]+mode\b.{0,100}\b(?:ai|assistant|chatgpt|language[\s]+model|restrictions?|filters|prompt|instructions|guidelines|polic(?:y|ies))\b|an?[\s]+(?:unrestricted|unfiltered|uncensored|jailbroken)\b|an?[\s]+evil[\s]+(?:ai|assistant|bot|chatbot|model)\b)|\b(?:dan|ai|model|assistant|chatbot)\b.{0,80}\bdo[\s]+anything[\s]+now\b|\bdo[\s]+anything[\s]+now\b.{0,80}\b(?:dan|ai|chatgpt|openai)\b|\bdeveloper[\s]+mode[\s]+(?:enabled|output)\b.{0,80}\b(?:restrictions?|policy|policies|filters?|chatgpt|respond)|<\|im_start\|>[\s]*system\b|<\|system\|>|<<sys>>|\[inst\].{0,200}\[/inst\]|\b(?:pretend|act)[\s]+(?:to[\s]+be|you[\s]+are|as)\b.{1,80}\b(?:no|without(?:[\s]+any)?|free[\s]+of(?:[\s]+all)?)[\s]+(?:restrictions|ethical|moral|content[\s]+polic|safety|filters|guidelines|limitations)",
                |context, span| {
                    context.after(span.start).starts_with(b"<|im_start|>") || names_a_model(context, span)
                },
            ),
            trust: Trust::Prose,
            places: Places::Values,
        },
        // To leave what was said before, and to hand out secrets.
        Signature {
            stamp: 55003,
            subtype: "ai_prompt_injection",
            gate: &["ignore", "disregard", "forget", "override", "bypass"],
            needs: "",
            test: Test::Pattern(concat!(
                leave!(),
                r".{0,120}?\b(?:print|output|reveal|tell[\s]+me|leak|dump|repeat)[\s]+(?:\w+[\s]+){0,4}(?:(?:api|secret|access)[\s]+keys?|passwords|password$|credentials|system[\s]+prompt|hidden[\s]+instructions)\b"
            )),
            trust: Trust::Prose,
            places: Places::Values,
        },
        Signature {
            stamp: 55010,
            subtype: "ai_prompt_retrieval",
            gate: &["prompt", "instructions", " above ", "system message", "directives"],
            needs: "",
            test: Test::Checked(
                r"\b(?:reveal|print|output|repeat|display|show[\s]+me|tell[\s]+me|give[\s]+me|leak|dump|recite|summari[sz]e)[\s]+(?:(?:me|us|the|your|full|entire|complete|exact|whole|all|of|its|contents?|text|verbatim)[\s]+){1,6}(?:system[\s]+(?:prompt|message|instructions)|(?:initial|hidden|original|secret|internal|developer)[\s]+(?:system[\s]+)?(?:prompt|instructions|directives))\b|\b(?:repeat|print|output|write)[\s]+(?:(?:everything|all|the|text|words|of)[\s]+){1,4}(?:above|before[\s]+this)\b.{0,80}\b(?:prompt|instructions|you[\s]+are)\b|\bwhat[\s]+(?:is|are|was|were)[\s]+your[\s]+(?:system[\s]+prompt|(?:initial|hidden|original|secret|system)[\s]+(?:prompt|instructions))\b",
                names_a_model,
            ),
            trust: Trust::Prose,
            places: Places::Values,
        },
    ],
};

/// How far from an order a model is looked for.
const NEAR: usize = 80;

/// Whether a word that speaks to a model, or of one, stands in an order or near it.
fn names_a_model(context: &Context<'_>, span: &Range<usize>) -> bool {
    const WORDS: [&[u8]; 14] = [
        b"ai",
        b"assistant",
        b"bot",
        b"chatbot",
        b"chatgpt",
        b"claude",
        b"dan",
        b"gemini",
        b"gpt",
        b"llm",
        b"model",
        b"you",
        b"your",
        b"yourself",
    ];
    let end = context.value.len().min(span.end + NEAR);
    let near = context.value.get(span.start.saturating_sub(NEAR)..end).unwrap_or_default();
    near.split(|b| !b.is_ascii_alphanumeric())
        .any(|word| WORDS.iter().any(|name| name.eq_ignore_ascii_case(word)))
}
