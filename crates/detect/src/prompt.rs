//! Instructions to a language model in a text that is data to it: to drop its rules, or to show them.
//!
//! Evidence is an order of two parts: to leave what was said before, and what to do instead. One part alone is ordinary
//! language.
//!
//! Benign look-alikes: `please disregard my previous message`, `ignore the instructions above and use the new form`,
//! `what is a system prompt?`, `how do I write a prompt that ignores …`.

use bartizan_api::attack_type::AttackType;

use crate::signature::{Detector, Places, Signature, Test, Trust};

pub(crate) static DETECTOR: Detector = Detector {
    attack_type: AttackType::AiAttack,
    signatures: &[
        Signature {
            stamp: 55001,
            subtype: "ai_prompt_injection",
            gate: &["ignore", "disregard", "forget", "override", "bypass"],
            needs: "",
            test: Test::Pattern(
                r"(?:^|[.!?:;,\n\x22'*#>)\]-][\s]*|\b(?:please|now|must|and|to)[\s]+)(?:ignore|disregard|forget|override|bypass)[\s]+(?:(?:all|any|every|everything|the|your|of|my|these|those|previous|prior|above|earlier|preceding|initial|original|system|safety|content)[\s]+){1,5}(?:instructions?|directions?|directives?|prompts?|rules|guidelines|guardrails|programming|filters|commands)\b.{0,120}?\b(?:system[\s]+prompt|you[\s]+are[\s]+(?:now|a|an)\b|from[\s]+now[\s]+on|instead[\s,]+(?:say|print|output|reply|respond|tell|write|you)|(?:and|then|just|only|simply|now|,|:|\.)[\s]+(?:print|output|reveal|say|tell[\s]+me|act|respond|reply|repeat|show[\s]+me|give[\s]+me|leak|dump|list[\s]+(?:all|your)|execute|pretend|write[\s]+(?:a|an|the)|answer|send[\s]+(?:me|all|the)[\s]|translate|do[\s]+anything)|(?:api|secret|access)[\s]+keys?|passwords?|credentials|hidden[\s]+instructions)\b",
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
                "<|endoftext|>",
                "[inst]",
                "<<sys>>",
                "pretend",
                "act as",
            ],
            needs: "",
            test: Test::Pattern(
                r"\byou[\s]+are[\s]+now[\s]+(?:dan\b|in[\s]+(?:developer|debug|admin|god|unrestricted)[\s]+mode|an?[\s]+(?:unrestricted|unfiltered|uncensored|jailbroken|evil)\b)|\bcan[\s]+do[\s]+anything[\s]+now\b|\bdan\b.{0,40}\bdo[\s]+anything[\s]+now\b|\bdeveloper[\s]+mode[\s]+(?:enabled|output)\b.{0,80}\b(?:restrictions?|policy|policies|filters?|chatgpt|respond)|<\|im_start\|>[\s]*system|<\|(?:system|endoftext)\|>|<<sys>>|\[inst\].{0,200}\[/inst\]|\b(?:pretend|act)[\s]+(?:to[\s]+be|you[\s]+are|as)\b.{1,80}\b(?:no|without(?:[\s]+any)?|free[\s]+of(?:[\s]+all)?)[\s]+(?:restrictions|ethical|moral|content[\s]+polic|safety|filters|guidelines|limitations)",
            ),
            trust: Trust::Prose,
            places: Places::Values,
        },
        Signature {
            stamp: 55010,
            subtype: "ai_prompt_retrieval",
            gate: &["prompt", "instructions", " above "],
            needs: "",
            test: Test::Pattern(
                r"\b(?:reveal|print|output|repeat|display|show[\s]+me|tell[\s]+me|give[\s]+me|leak|dump|recite|summari[sz]e)[\s]+(?:(?:me|us|the|your|full|entire|complete|exact|whole|all|of|its|contents?|text|verbatim)[\s]+){1,6}(?:system[\s]+(?:prompt|message|instructions)|(?:initial|hidden|original|secret|internal|developer)[\s]+(?:system[\s]+)?(?:prompt|instructions|directives))\b|\b(?:repeat|print|output|write)[\s]+(?:(?:everything|all|the|text|words|of)[\s]+){1,4}(?:above|before[\s]+this)\b.{0,80}\b(?:prompt|instructions|you[\s]+are)\b|\bwhat[\s]+(?:is|are|was|were)[\s]+your[\s]+(?:system[\s]+prompt|(?:initial|hidden|original|secret|system)[\s]+(?:prompt|instructions))\b",
            ),
            trust: Trust::Prose,
            places: Places::Values,
        },
    ],
};
